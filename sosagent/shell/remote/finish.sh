# Put the part file sos_part in the place of sos_path in one step, if it is what it must be.
#
#   sos_want    its "CRC LENGTH"
#   sos_sum     its SHA-256, compared where there is sha256sum
#   sos_owner   whose the file is to be, UID or UID:GID
#   sos_mode    its mode
#
# Prints "c" if the part is not what it must be, "k" when it is in place; "h" where sha256sum has compared it, and
# "a CRC LENGTH" of what is there now.
h=$(sha256sum <"$sos_part" 2>/dev/null)
if [ "$(cksum <"$sos_part") ${h%% *}" = "$sos_want ${h:+$sos_sum}" ]; then
[ "$h" ] && echo h
[ -h "$sos_path" ] || [ -d "$sos_path" ] || {
chown $sos_owner "$sos_part" && chmod $sos_mode "$sos_part" && {
command -v chcon && chcon --reference="$sos_path" "$sos_part"
sync "$sos_part" || sync
} >/dev/null 2>&1 && mv -f "$sos_part" "$sos_path" && echo k
}
sync "${sos_path%/*}/" 2>/dev/null || sync
else
echo c
fi
echo a $(cksum <"$sos_path")
