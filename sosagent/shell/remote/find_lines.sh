# Find the lines of the file sos_path that match sos_pattern, a PATTERN|PATTERN of `case`.
# Prints two lines for each: "o OFFSET CRC OFFSET", with the checksum of the bytes in front of it, and ":LINE".
z=0
while IFS= read -r l || [ "$l" ]; do
case $l in
$sos_pattern)echo o $z $(head -c $z $sos_path|cksum)
printf :%s\\n "$l"
esac
z=$((z+${#l}+1))
done <$sos_path
