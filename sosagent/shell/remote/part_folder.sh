# Set the folder of the part file for sos_path: beside it, for our user alone.
sos_part=${sos_path%/*}/.${sos_path##*/}.sosagent-part
