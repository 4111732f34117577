"""The SQS queue that S3 tells of landed files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lakehouse.config import S3Config
from lakehouse.errors import TidemarkError
from lakehouse.s3 import aws_client

# What SQS gives and takes at once.
_BATCH = 10


@dataclass(frozen=True)
class QueueMessage:
    """A received message; the receipt deletes it."""

    message_id: str
    body: str
    receipt: str


class LandingQueue:
    """An SQS queue by its URL, reached with the keys of the S3 settings."""

    def __init__(self, url: str, s3: S3Config) -> None:
        self._url = url
        parts = urlsplit(url)
        endpoint = f"{parts.scheme}://{parts.netloc}"
        self._client: Any = aws_client("sqs", s3, endpoint=endpoint)

    def receive(self, most: int, *, hidden_seconds: int) -> list[QueueMessage]:
        """Messages that wait now; those not deleted in time come back.

        Args:
            most: How many at most; rounded up to whole batches.
            hidden_seconds: How long other receivers do not see them.
        """
        messages: list[QueueMessage] = []
        with self._explained():
            while len(messages) < most:
                answer = self._client.receive_message(
                    QueueUrl=self._url, MaxNumberOfMessages=_BATCH, VisibilityTimeout=hidden_seconds
                )
                batch = answer.get("Messages", [])
                messages += [
                    QueueMessage(one["MessageId"], one["Body"], one["ReceiptHandle"])
                    for one in batch
                ]
                if not batch:
                    break
        return messages

    def delete(self, receipts: Sequence[str]) -> None:
        """Deletes messages; one that cannot be deleted comes back and does no harm."""
        with self._explained():
            for start in range(0, len(receipts), _BATCH):
                entries = [
                    {"Id": str(number), "ReceiptHandle": receipt}
                    for number, receipt in enumerate(receipts[start : start + _BATCH])
                ]
                self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise TidemarkError(
                f"SQS refused or did not answer for {self._url}: {error}",
                hint="Check TIDEMARK_LANDING_QUEUE, TIDEMARK_S3_REGION (a queue is in its bucket's"
                " region) and that the keys may receive and delete messages there.",
            ) from error
