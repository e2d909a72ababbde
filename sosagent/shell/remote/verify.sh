# After an append that somebody else's may have joined: is what stood there before still the same?
# Runs after look.sh. Prints "b CRC LENGTH" of the first sos_size bytes, and what look.sh found, as plain.sh does.
echo b $(head -c $sos_size $sos_path|cksum)
echo s p$sos_odd $sos_was $z $k
