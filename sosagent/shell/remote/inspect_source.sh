# Inspect the file sos_path before it is downloaded.
#
#   sos_most    largest length accepted
#   sos_size    number of bytes that the client has already
#
# Prints "n LENGTH", "a CRC LENGTH" of the file, "p CRC LENGTH" of its first sos_size bytes, and "h SHA256" if sha256sum
# exists. If the file cannot be read: "m" if it is missing, "d" if it is a folder, "o" if it is not a regular file,
# "r" if our user may not read it.
set -f
if [ -f "$sos_path" ] && [ -r "$sos_path" ]; then
set -- $(ls -ldnL "$sos_path")
echo n $5
[ $5 -le $sos_most ] || exit
echo a $(cksum <"$sos_path")
echo p $(head -c $sos_size "$sos_path" | cksum)
echo h $(sha256sum <"$sos_path" 2>/dev/null)
elif [ -d "$sos_path" ]; then
echo d
elif [ -f "$sos_path" ]; then
echo r
elif [ -e "$sos_path" ]; then
echo o
else
echo m
fi
