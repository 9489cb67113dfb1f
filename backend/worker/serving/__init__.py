"""The parts of an endpoint: a gateway without torch in front of one engine process per loaded version.

limits.py      the bounds of an endpoint, with their defaults
http.py        HTTP/1.1 server: bounded heads, bodies, time, connections; disconnects cancel
guard.py       who may ask: host, origin, key, content type
strict.py      JSON that is exactly JSON, and the request of /predict
parameters.py  how a request wants its text continued
app.py         the routes
batcher.py     the queue of one version: bounded, batched, cancellable
engines.py     engine processes as the gateway sees them
spawn.py       where engines come from: forked from a process that has torch loaded, or started anew
keeper.py      keeps an engine alive: back-off, giving up
router.py      which version answers: deploy, switch, unload, restart; remembered in routing.json
windows.py     request statistics per second, never text
prometheus.py  /metrics as text
frames.py      the language between gateway and engine
golden.py      recorded answers of a version
predictors.py  what an engine needs of a version, and which class answers for which task
folder.py      a version's folder, read with distrust (torch)
classifier.py  a text classifier in memory (torch)
reader.py      the part of a text that answers a question (torch)
spans.py       a context as windows, and the best span of them
cutting.py     texts as pieces, cut where allowed; what predictors of texts share (torch)
tagger.py      a tag for each word (torch)
embedder.py    a vector for a text (torch)
filler.py      fills in hidden words (torch)
generator.py   goes on with a text (torch)
generation.py  token by token, several texts at once (torch)
writer.py      a text for a text (torch)
writing.py     how an encoder-decoder writes: greedily or with beams (torch)
pixels.py      numbers of an image as the model sees them (torch)
viewer.py      a class for an image (torch)
tabular.py     a number or a class for a row of a table
attribution.py why: integrated gradients (torch)
"""
