<?php
// The same by a script that never looks at Last-Event-ID: it prints the whole mailbox each time.
require_once __DIR__ . '/mailbox.php';

$mailbox = mailbox($_GET['me'] ?? '');
begin_stream(100);
tell($mailbox, 0);
