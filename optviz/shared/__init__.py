"""What every other folder uses: text, files, archives, and checks of what users give."""
