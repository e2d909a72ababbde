# Inspect the target sos_path of an upload, and the part file in sos_part.
#
#   sos_digest  see inspect_source.sh
#
# Prints "m" if the folder is missing, "l" if the target is a link, "d" if it is a folder, "o" if it is not a file;
# "s MODE UID GID" of the target and "p MODE UID" of the folder of the part file, as printed by ls; "a CHECKSUM" and
# "n LENGTH" of the part file; "u UID" of our user, or the line of ls for a file of ours; "f BLOCKS USED FREE ..." of the disk in KiB.
set -f
[ -d "${sos_path%/*}/" ] || echo m
[ -h "$sos_path" ] && echo l
[ -d "$sos_path" ] && echo d
[ -e "$sos_path" ] && set -- $(ls -ldn "$sos_path") && echo s $1 $3 $4
[ -f "$sos_path" ] || [ -z "$1" ] || echo o
[ -d "$sos_part" ] && set -- $(ls -ldn "$sos_part") && echo p $1 $3
[ -f "$sos_part/part" ] && echo a $($sos_digest <"$sos_part/part") && echo n $(wc -c <"$sos_part/part")
echo u $(id -u 2>/dev/null || ls -ldn /proc/$$)
echo f $(df -Pk "${sos_path%/*}/" | tail -n 1)
