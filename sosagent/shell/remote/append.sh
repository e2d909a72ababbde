# Append our lines to the file sos_path in one write, and say what it is afterwards.
#
#   sos_form    what printf makes of the lines
#   sos_lines   the lines, each a word of the shell
#
# Prints "f" if the write failed, and "a CRC LENGTH": the client knows what they must be.
printf "$sos_form" $sos_lines >>$sos_path || echo f
sync $sos_path || sync & echo a $(cksum<$sos_path)
wait
