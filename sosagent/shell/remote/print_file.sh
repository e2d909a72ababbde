# Print the file sos_path, and a dot after it, because the receiver drops the newlines at the end of an output.
cat $sos_path
echo .
