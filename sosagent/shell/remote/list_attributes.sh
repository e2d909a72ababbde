# Print the attributes (chattr) of the file sos_path and its folder; a complaint where lsattr is missing.
lsattr -d ${sos_path%/*} $sos_path
