# Take back a write that the disk took only a piece of: cut the file sos_path to its sos_size bytes before,
# if what stands behind them is a piece of ours (sos_text) and nothing else. Prints "a CRC LENGTH".
[ $(wc -c <$sos_path) -gt $sos_size ] && case $sos_text in
"$(tail -c +$((sos_size+1)) $sos_path)"*) dd if=/dev/null of=$sos_path bs=1 seek=$sos_size 2>&-
esac
sync $sos_path || sync
echo a $(cksum<$sos_path)
