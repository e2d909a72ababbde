# Print the mount that the file sos_path is on, or the home folder sos_home if the file is missing.
# Prints "d MOUNT-POINT OPTIONS TYPE SOURCE SUPER-OPTIONS" of the last such mount in /proc/self/mountinfo (proc(5)); for an
# overlay, a second line with D for the mount that its upper layer is on. A bind mount may be read-only on a writable
# file system. BusyBox's df would name the first mount of a device.
p=$(readlink -f "$sos_path") || p=$(cd $sos_home && pwd -P)
for i in d D; do
n=
while read -r h h h h m o x; do
case $p/ in
"${m%/}"/*)[ ${#m} -ge ${#n} ] && n=$m && r="$o ${x#*- }"
esac
done </proc/self/mountinfo
echo $i $n $r
case $r in
*,upperdir=*)p=${r##*,upperdir=}
p=${p%%,*};;
*)break
esac
done
