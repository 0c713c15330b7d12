<?php
// A mailbox is a file with one message a line, as JSON, so that no message can hold the end of a line. A message's id is the
// file's length up to its end: it only grows, and a script that is told one knows at once where to go on.

function mailbox(string $name): string
{
    if (!preg_match('/^\w{1,40}$/', $name)) {
        http_response_code(400);
        exit('a name has one to forty letters, digits or underscores');
    }
    return getenv('MAILBOXES') . "/$name";
}

/** Adds a message. One after the other, and never between the halves of another. */
function put(string $mailbox, mixed $message): void
{
    file_put_contents($mailbox, json_encode($message) . "\n", FILE_APPEND | LOCK_EX);
}

/** Prints what came after a position, as blocks of an event stream. */
function tell(string $mailbox, int $position): void
{
    $file = @fopen($mailbox, 'r');
    if (!$file) {
        return;
    }
    flock($file, LOCK_SH);
    fseek($file, $position);
    while (($line = fgets($file)) !== false) {
        echo 'id: ', ftell($file), "\ndata: ", rtrim($line), "\n\n";
    }
    fclose($file);
}

/** What the browser has heard last. */
function heard(): int
{
    return (int) ($_SERVER['HTTP_LAST_EVENT_ID'] ?? 0);
}

function begin_stream(int $retry): void
{
    header('Content-Type: text/event-stream');
    header('Cache-Control: no-store');
    echo "retry: $retry\n\n";
    // Debian's php.ini collects 4 KB before anything goes out. The browser learns here that it is listening.
    while (ob_get_level() > 0) {
        ob_end_flush();
    }
    flush();
}
