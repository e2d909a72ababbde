# On which file system is sos_path, or else its folder, or else sos_home?
# Prints "d MOUNT-POINT OPTIONS", the options of its last mount as /proc/mounts has them.
for i in $sos_path ${sos_path%/*} $sos_home; do
[ -e $i ] && break
done
p=$(df -P $i|tail -n 1)
while read -r h m t o x; do
[ "$m" = "${p##* }" ] && r=$o
done </proc/mounts
echo d "${p##* }" $r
