# Append our lines to the file sos_path in one write, and print its checksum afterwards.
#
#   sos_format  format of printf(1) that prints the lines
#
# Prints "f" if the write failed, and "a CRC LENGTH" of the file; the client knows the values to expect.
printf $sos_format >>$sos_path || echo f
sync $sos_path || sync & echo a $(cksum<$sos_path)
wait
