# On which file system is the file sos_path, or else the home folder sos_home?
# Prints "d MOUNT-POINT OPTIONS SUPER-OPTIONS" of its last mount as /proc/self/mountinfo has them (proc(5)): a bind
# mount may be read-only where the file system beneath is not. BusyBox's df names the first mount of a device.
p=$(readlink -f $sos_path) || p=$(cd $sos_home && pwd -P)
n=
while read -r h h h h m o x; do
case $p/ in
"${m%/}"/*)[ ${#m} -ge ${#n} ] && n=$m && r="$o ${x##* }"
esac
done </proc/self/mountinfo
echo d $n $r
