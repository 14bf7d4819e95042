"""Where frames come from: sources, demux and decode, packet ring, mailbox. Imports nothing else of Livesight."""
