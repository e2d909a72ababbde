# What the file sos_path is, and what it begins with.
#
#   sos_most    it may not be longer
#   sos_size    so much of it is here already
#
# Prints "n LENGTH", "a CRC LENGTH" of the file, "p CRC LENGTH" of its begin, "h SHA256" where there is sha256sum;
# where it cannot be read "m" if it is missing, "d" if it is a folder, "o" if it is no file, "r" if we may not.
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
