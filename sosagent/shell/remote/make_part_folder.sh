# Make the folder sos_part for the part file, and remove anything else of that name; never follow a link.
umask 77
[ -h "$sos_part" ] && rm -f "$sos_part"
[ -d "$sos_part" ] || {
rm -f "$sos_part"
mkdir "$sos_part"
}
