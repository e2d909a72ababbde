# Print the mount that the file sos_path is on, or the home folder sos_home if the file is missing.
# Prints "d MOUNT-POINT OPTIONS SUPER-OPTIONS" of the last such mount in /proc/self/mountinfo (proc(5)). A bind mount
# may be read-only on a writable file system. BusyBox's df would name the first mount of a device.
p=$(readlink -f "$sos_path") || p=$(cd $sos_home && pwd -P)
n=
while read -r h h h h m o x; do
case $p/ in
"${m%/}"/*)[ ${#m} -ge ${#n} ] && n=$m && r="$o ${x##* }"
esac
done </proc/self/mountinfo
echo d $n $r
