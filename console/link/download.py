"""A reply that goes into a file as it comes: never whole in memory, and the file appears only when it is whole."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QIODevice, QObject, QSaveFile
from PySide6.QtNetwork import QNetworkReply, QNetworkRequest

from backend.contract.errors import ErrorReply
from console.link.call import Call

MOST_REFUSAL = 1 << 20


class Download(QObject):
    """Belongs to its reply. finish() ends `call` with {"path", "size_bytes"} or why not; a refusal of the backend is
    left in `refusal` for the link to tell."""

    def __init__(self, reply: QNetworkReply, path: Path, call: Call) -> None:
        super().__init__(reply)
        self.call = call
        self.refusal = b""
        self._reply = reply
        self._path = path
        self._size = 0
        self._file = QSaveFile(str(path))
        self._opened = self._file.open(QIODevice.OpenModeFlag.WriteOnly)
        reply.readyRead.connect(self._on_ready)

    def _on_ready(self) -> None:
        data = self._reply.readAll()
        status = self._reply.attribute(QNetworkRequest.Attribute.HttpStatusCodeAttribute)
        if status != 200:
            self.refusal = (self.refusal + bytes(data.data()))[:MOST_REFUSAL]
        elif self._opened and self._file.write(data) != data.size():
            self._opened = False
            self._reply.abort()
        else:
            self._size += data.size()

    def finish(self) -> bool:
        """The reply has ended: keep the file and end the call. False when the backend refused (see `refusal`)."""
        if self._reply.bytesAvailable():
            self._on_ready()
        status = self._reply.attribute(QNetworkRequest.Attribute.HttpStatusCodeAttribute)
        if self._opened and status != 200:
            self._file.cancelWriting()
            return False
        torn = self._opened and self._reply.error() != QNetworkReply.NetworkError.NoError
        if torn:
            self._file.cancelWriting()
        if self._opened and not torn and self._file.commit():
            self.call.succeed({"path": str(self._path), "size_bytes": self._size})
            return True
        if torn:
            text, fix = "The backend ended in the middle.", "Export again."
        else:
            text, fix = f"{self._path.name} could not be written: {self._file.errorString()}.", "Choose another folder."
        self.call.fail(ErrorReply(kind="refused", code="download", text=text, fix=fix))
        return True
