# Move the part file in the folder sos_part to sos_path in one step, if it has the expected contents.
#
#   sos_want    expected checksum
#   sos_digest  see inspect_source.sh
#   sos_sum     expected SHA-256, compared if sha256sum exists
#   sos_owner   UID or UID:GID to set
#   sos_mode    mode to set
#   sos_was     if not empty, the checksum that the old file must still have, or "new" if there must be none
#
# Prints "c" if the contents differ, "x" if the old file is not as it was, "k" when the file is in place, "h" if sha256sum compared it, and "a CHECKSUM"
# of the file at sos_path. The target is reached through "..", not through sos_path: a user who may write to a parent
# folder could change where that leads.
t=../${sos_path##*/}
h=$(sha256sum <part 2>/dev/null)
if [ "$($sos_digest <part) ${h%% *}" = "$sos_want ${h:+$sos_sum}" ]; then
[ "$h" ] && echo h
[ -h "$t" ] || [ -d "$t" ] || {
chown $sos_owner part && chmod $sos_mode part && {
command -v chcon && chcon --reference="$t" part
sync part || sync
} >/dev/null 2>&1 && {
case $sos_was in
""):;;
new)if [ -e "$t" ]; then false; fi;;
*)[ "$($sos_digest <"$t")" = "$sos_was" ];;
esac || {
echo x
false
}
} && {
mv -fT part "$t" 2>/dev/null || if [ -d "$t" ]; then
false
else
mv -f part "$t"
fi
} && echo k
}
sync .. 2>/dev/null || sync
else
echo c
fi
echo a $($sos_digest <"$t")
[ -e part ] || rmdir "$sos_part"
