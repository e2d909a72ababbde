# What stands where a file is to be put, sos_path, and what of it has come already, in sos_part.
#
# Prints "m" if the folder is missing, "l" if a link stands there, "d" a folder, "o" what is no file; "s MODE UID GID" of
# what stands there and "p MODE UID" of the part's folder, as ls shows them; "a CRC LENGTH" of the part; "u UID", who we are;
# "f BLOCKS USED FREE ..." in KiB.
set -f
[ -d "${sos_path%/*}/" ] || echo m
[ -h "$sos_path" ] && echo l
[ -d "$sos_path" ] && echo d
[ -e "$sos_path" ] && set -- $(ls -ldn "$sos_path") && echo s $1 $3 $4
[ -f "$sos_path" ] || [ -z "$1" ] || echo o
[ -d "$sos_part" ] && set -- $(ls -ldn "$sos_part") && echo p $1 $3
[ -f "$sos_part/part" ] && echo a $(cksum <"$sos_part/part")
echo u $(id -u)
echo f $(df -Pk "${sos_path%/*}/" | tail -n 1)
