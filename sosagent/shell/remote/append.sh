# Append the lines "$@" to the file that look.sh looked at, in one write; then read back what stands there.
#
#   sos_was     CRC and LENGTH (as one word) of the file as it was seen
#   sos_form    what printf makes of the lines: '%s\n' each, with '\n' in front where one is missing
#
# It prints "c" and stops if the file is no longer what was seen; "f" if the write failed;
# "b CRC LENGTH" of the part that was there before; then the last section of look.sh again.
eval "${p%%:;*}"
[ "$(cksum<$sos_path)" = "$sos_was" ] || {
echo c
exit
}
printf "$sos_form" "$@" >>$sos_path || echo f
sync $sos_path || sync
echo "b $(head -c ${sos_was#* } $sos_path|cksum)"
eval "${p##*:;}"
