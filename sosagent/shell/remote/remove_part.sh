# Remove the part file and its folder sos_part.
rm -f part
cd /
rmdir "$sos_part"
