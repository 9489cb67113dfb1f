"""One screen per file; pages never import pages. Registered in console/window.py."""
