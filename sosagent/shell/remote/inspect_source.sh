# Inspect the file sos_path before it is downloaded.
#
#   sos_most    largest length accepted
#   sos_size    number of bytes that the client has already
#   sos_digest  command that prints a checksum of its input: cksum, or sos_hash of adapt.sh
#
# Prints "n LENGTH", "a CHECKSUM" of the file, "p CHECKSUM" of its first sos_size bytes, and "h SHA256" if sha256sum
# exists. If the file cannot be read: "m" if it is missing, "d" if it is a folder, "o" if it is not a regular file,
# "r" if our user may not read it.
set -f
if [ -f "$sos_path" ] && [ -r "$sos_path" ]; then
set -- $(ls -ldnL "$sos_path")
echo n $5
[ $5 -le $sos_most ] || exit
echo a $($sos_digest <"$sos_path")
echo p $(head -c $sos_size "$sos_path" | $sos_digest)
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
