<?php
// What waits in a mailbox; then it ends, and the browser comes again after `retry` milliseconds.
require_once __DIR__ . '/mailbox.php';

$mailbox = mailbox($_GET['me'] ?? '');
begin_stream(300);
tell($mailbox, heard());
