<?php
// The same without the wait: it answers when the mailbox has changed since the browser looked, and after 10 s in any case.
//
// The token that it compares is the file's length. Scripts of this kind mostly compare filemtime(), which counts in seconds: if
// one message is answered at once and a second one comes within the same second, the time has not moved, and the second one is
// not told until a third comes. A length moves with every message.
require_once __DIR__ . '/mailbox.php';

$mailbox = mailbox($_GET['me'] ?? '');
$token = heard();
begin_stream(0);
for ($end = microtime(true) + 10; microtime(true) < $end; usleep(20_000)) {
    // PHP remembers what it has once found out about a file.
    clearstatcache();
    if (is_file($mailbox) && filesize($mailbox) !== $token) {
        break;
    }
}
tell($mailbox, $token);
