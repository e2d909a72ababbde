# Put the part file, in the folder sos_part, in the place of sos_path in one step, if it is what it must be.
#
#   sos_want    its "CRC LENGTH"
#   sos_sum     its SHA-256, compared where there is sha256sum
#   sos_owner   whose the file is to be, UID or UID:GID
#   sos_mode    its mode
#
# Prints "c" if the part is not what it must be, "k" when it is in place; "h" where sha256sum has compared it, and
# "a CRC LENGTH" of what is there now. Nothing goes by sos_path: whoever may write to its folder could lead that elsewhere.
t=../${sos_path##*/}
h=$(sha256sum <part 2>/dev/null)
if [ "$(cksum <part) ${h%% *}" = "$sos_want ${h:+$sos_sum}" ]; then
[ "$h" ] && echo h
[ -h "$t" ] || [ -d "$t" ] || {
chown $sos_owner part && chmod $sos_mode part && {
command -v chcon && chcon --reference="$t" part
sync part || sync
} >/dev/null 2>&1 && {
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
echo a $(cksum <"$t")
[ -e part ] || rmdir "$sos_part"
