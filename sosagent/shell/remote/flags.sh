# The attributes (chattr) of the file sos_path and of its folder; complaints where there is no lsattr.
lsattr -d ${sos_path%/*} $sos_path
