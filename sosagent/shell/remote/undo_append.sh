# Undo a write of which the disk took only a part: truncate the file sos_path to its former length sos_size,
# if only a part of our text (sos_text) follows. Prints "a CRC LENGTH" of the file.
[ $(wc -c <$sos_path) -gt $sos_size ] && case $sos_text in
"$(tail -c +$((sos_size+1)) $sos_path)"*) truncate -s $sos_size $sos_path 2>&- || dd if=/dev/null of=$sos_path bs=1 seek=$sos_size 2>&-
esac
sync $sos_path || sync
echo a $(cksum<$sos_path)
