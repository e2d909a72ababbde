# Stop with "c" unless the file sos_path is still as it was seen: sos_was, its CRC and LENGTH.
[ "$(cksum<$sos_path)" = "$sos_was" ] || {
echo c
exit
}
