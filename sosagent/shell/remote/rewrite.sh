# Put other contents in the place of the file sos_path, in one step; what it was stays beside it, under another name.
#
#   sos_was     "CRC LENGTH" of the file as it was seen
#   sos_want    the same of the new contents
#   sos_copy    commands that print the new contents
#   sos_size    its LENGTH
#
# Prints "c" if the file is not as it was seen, "f" if nothing was changed, else "k BACKUP"; and "a CRC LENGTH"; "y" if
# somebody changed the old file in the last moment in a way that cannot be taken over.
# The backup is a link to the old file: what somebody appends to that in the last moment stands in it, and is taken over.
umask 77
i=$sos_path.sosagent.$(date +%Y%m%d%H%M%S).$$
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
} >/dev/null 2>&1 && same $t "$sos_want" && ln $sos_path $i && same $sos_path "$sos_was" && mv -f $t $sos_path; then
echo k $i
sync
same $i "$sos_was" || {
[ "$(head -c $sos_size $i|cksum)" = "$sos_was" ] && tail -c +$((sos_size+1)) $i >>$sos_path || echo y
}
else
rm -f $t $i
echo f
fi
echo a $(cksum<$sos_path)
