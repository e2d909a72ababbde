# Report whether the bytes in front of an append are unchanged, where another program may have appended too.
# Runs after inspect_keys.sh. Prints "b CRC LENGTH" of the first sos_size bytes, and the result of inspect_keys.sh as
# read_sshd_config.sh does.
echo b $(head -c $sos_size $sos_path|cksum)
echo s p$sos_odd $sos_was $z $k
