# Print "c" and stop if the file sos_path has changed since it was inspected (sos_was: its "CRC LENGTH").
[ "$(cksum<$sos_path)" = "$sos_was" ] || {
echo c
exit
}
