# Replace the contents of the file sos_path in one step. The old file is kept under another name.
#
#   sos_was     "CRC LENGTH" of the file when it was inspected
#   sos_want    "CRC LENGTH" of the new contents
#   sos_copy    commands that print the new contents
#   sos_size    LENGTH of the file when it was inspected
#
# Prints "c" if the file has changed since, "f" if nothing was replaced, otherwise "k BACKUP"; "a CRC LENGTH" of the file; and
# "y" if another program changed the old file at the last moment in a way that cannot be copied.
# The backup is a hard link to the old file. Lines that another program appends to it at the last moment are copied.
umask 77
k=
i=$sos_path.sosagent.$(date +%Y%m%d%H%M%S).$$
# An earlier backup may have this name: of the same second, or where the clock starts anew with each boot.
while [ -e $i ] || [ -L $i ]; do
i=$i+
done
t=$i.new
same(){
[ "$(cksum<$1)" = "$2" ]
}
same $sos_path "$sos_was" || {
echo c
exit
}
if cp -p $sos_path $t && { $sos_copy; } >$t && {
command -v chcon && chcon --reference=$sos_path $t
sync $t || sync
} >/dev/null 2>&1 && same $t "$sos_want" && ln $sos_path $i && k=$i && same $sos_path "$sos_was" && mv -f $t $sos_path; then
echo k $i
sync
same $i "$sos_was" || {
[ "$(head -c $sos_size $i|cksum)" = "$sos_was" ] && tail -c +$((sos_size+1)) $i >>$sos_path || echo y
}
else
rm -f $t $k
echo f
fi
echo a $(cksum<$sos_path)
