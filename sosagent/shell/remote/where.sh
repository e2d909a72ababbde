# How is the root file system mounted? Prints the options of its last mount, where there is a /proc.
while read d m t q x; do
[ "$m" = / ] && o=$q
done </proc/mounts
echo $o
