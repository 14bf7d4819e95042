"""Where frames come from: sources, demux and decode, packet ring, mailbox. Imports no other package of Livesight."""
