# Take away the part file, and the folder sos_part that it is in.
rm -f part
cd /
rmdir "$sos_part"
