# Print the attributes (chattr) of the file sos_path and its folder; a complaint if lsattr is missing.
lsattr -d ${sos_path%/*} $sos_path
