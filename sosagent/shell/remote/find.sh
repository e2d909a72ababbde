# Where in the file sos_path stand the lines that fit sos_piece, PATTERN|PATTERN of a `case`?
# Prints "o OFFSET CRC OFFSET" before each, the checksum of what stands before it, and ":LINE".
z=0
while IFS= read -r l || [ "$l" ]; do
case $l in
$sos_piece)echo o $z $(head -c $z $sos_path|cksum)
printf :%s\\n "$l"
esac
z=$((z+${#l}+1))
done <$sos_path
