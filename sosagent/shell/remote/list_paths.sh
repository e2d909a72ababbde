# Print ls -ldn of the home folder sos_home, of the folder of the file sos_path, of the file, and of this shell, whose
# owner is the user. It runs after a write, which an overlay shows in its folders.
ls -ldn $sos_home ${sos_path%/*} $sos_path /proc/$$
