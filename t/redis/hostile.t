#!/usr/bin/perl

# Whatever claims to be a Redis and sends what no Redis sends: the connection
# is closed with a line in the log, the worker lives.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;

use lib 't/lib', 't/redis';
use RTProp::Beside;
use Talk;
use Test::More;

# A server of one process: it logs in whoever comes, and answers the commands
# below with what the file says; "%" in it is a pause between writes.

my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 50)
    or die $@;
my $dir = File::Temp->newdir('hostile-XXXXXX', TMPDIR => 1);
my $server = RTProp::Beside->start(\&serve);


sub serve {
    local $SIG{PIPE} = 'IGNORE';
    my $select = IO::Select->new($listen);
    my %in;

    while (my @ready = $select->can_read) {
        for my $socket (@ready) {
            if ($socket == $listen) {
                $select->add($listen->accept);
                next;
            }

            if (!sysread $socket, $in{$socket}, 65536,
                length($in{$socket} // ''))
            {
                delete $in{$socket};
                $select->remove($socket);
                next;
            }

            while ($in{$socket} =~ s/\A\*(\d+)\r\n((?:\$\d+\r\n.*?\r\n)+?)
                                     (?=\*|\z)//sx)
            {
                my @words = map { lc } $2 =~ /\$\d+\r\n(.*?)\r\n/gs;
                syswrite $socket, $_ for split /%/, answer(@words);
            }
        }
    }
}


sub answer {
    my ($word) = @_;
    my $evil = RTProp::Nginx::slurp("$dir/$word");

    return $evil if length $evil;
    return "*1\r\n\$6\r\nmaster\r\n" if $word eq 'role';
    return "+PONG\r\n" if $word eq 'ping';
    return "+OK\r\n";
}


sub evil {
    my ($word, $text) = @_;

    unlink glob "$dir/*";
    return if !defined $word;

    open my $fh, '>:raw', "$dir/new" or die $!;
    print {$fh} $text;
    close $fh;
    rename "$dir/new", "$dir/$word" or die $!;
}


my $talk = Talk->start('redis://127.0.0.1:' . $listen->sockport
                       . ' timeout=2s retry=50ms max_reply=64k');
my ($worker) = $talk->nginx->workers;

my $deep = "*1\r\n" x 20 . ":1\r\n";
my $wide = "*1000000\r\n" . ":1\r\n" x 10;
my $sum = "*9\r\n" . "*200000\r\n" . ":1\r\n" x 200000;
my $confirm = "*3\r\n\$9\r\nsubscribe\r\n\$1\r\nc\r\n:1\r\n";

my @replies = (
    ["!what\r\n", qr/a malformed reply/, 'an unknown type'],
    ["\0\0\0\0", qr/a malformed reply/, 'zeros'],
    [":12x4\r\n", qr/a malformed reply/, 'a number that is none'],
    [":99999999999999999999\r\n", qr/a malformed reply/, 'too large'],
    ["\$-7\r\n", qr/a malformed reply/, 'a negative length'],
    ["*-7\r\n", qr/a malformed reply/, 'a negative number of elements'],
    ["*99999999999\r\n", qr/a malformed reply/, 'too many elements'],
    ["*2147483647\r\n:1\r\n", qr/a reply of more than 1048576 elements/,
     'more elements than may be'],
    [$deep, qr/a malformed reply/, 'too deep'],
    ["*1\r\n*1\r\n*1\r\n*2147483647\r\n", qr/more than 1048576 elements/,
     'elements within'],
    ["\$999999999\r\n" . 'x' x 100000, qr/a reply of more than 65536 octets/,
     'too long'],
    ['+' . 'x' x 100000, qr/a reply of more than 65536 octets/,
     'a line without end'],
    [$sum, qr/more than (?:1048576 elements|65536 octets)/, 'long lists'],
    ["+OK\r\n+OK\r\n", qr/a reply that nobody awaits/, 'one too many'],
    ["*2\r\n+a%\r\n", qr/no reply in 2000 ms/, 'one that is not whole'],
    ["-LOADING soon\r\n", qr/loading its data/, 'an error that is known'],
);

for (@replies) {
    my ($reply, $why, $name) = @$_;

    $talk->wait_status(qr/^ok$/);
    my $from = $talk->nginx->log_size;

    evil(get => $reply);
    $talk->get('command', a0 => 'get');

    ok($talk->nginx->wait_log($why, 30, $from), "$name: the log")
        or diag(substr $talk->nginx->log, $from);
    evil();
    ok($talk->wait_status(qr/^ok$/), "$name: it connects again");
}

# odd, and no harm: they are replies

for ("\$-1\r\n", "*-1\r\n", "*0\r\n", "*2\r\n\$-1\r\n*-1\r\n", "-\r\n",
     "+\r\n", "\$0\r\n\r\n", "-\0\xff\r\n", $wide =~ s/1000000/10/r)
{
    evil(get => $_);
    is($talk->command('get')->{ok}, 1, 'a reply: ' . s/[^ -~]/?/gr);
}

evil();
$talk->wait_status(qr/^ok$/);


# what a login may meet

for my $word (qw(client role ping)) {
    for my $reply ("\$-1\r\n", "*0\r\n", "*1\r\n\$-1\r\n", "*1\r\n*0\r\n",
                   ":5\r\n", "-ERR no\r\n", "*3\r\n:1\r\n:2\r\n:3\r\n")
    {
        evil($word => $reply);
        $talk->get('command', a0 => 'quit');
        evil(quit => '!');
        $talk->get('command', a0 => 'quit');
        evil($word => $reply);
        ok($talk->wait_status(qr/^ok$/), "$word: " . $reply =~ s/\r\n/ /gr);
    }
}

for (["*1\r\n\$5\r\nslave\r\n", qr/^read-only replica$/],
     ["*1\r\n\$8\r\nsentinel\r\n", qr/^this is a Sentinel/],
     ["-BUSY script\r\n", qr/^busy with a script$/],
     ["!\r\n", qr/^a malformed reply/],
     ["-DENIED \e[1m\r\n", qr/^refused by protected mode$/])
{
    my ($reply, $status) = @$_;

    evil(quit => '!');
    $talk->get('command', a0 => 'quit');
    evil(role => $reply);
    ok($talk->wait_status($status), "role: $status");
}

evil();
ok($talk->wait_status(qr/^ok$/), 'a login that goes well');


# what a subscriber may hear

my @messages = (
    ["*3\r\n\$5\r\nnever\r\n\$1\r\nc\r\n\$1\r\nx\r\n", 'an unknown kind'],
    ["*3\r\n:1\r\n\$1\r\nc\r\n\$1\r\nx\r\n", 'no kind'],
    ["*3\r\n\$7\r\nmessage\r\n:5\r\n\$1\r\nx\r\n", 'no channel'],
    ["*3\r\n\$7\r\nmessage\r\n\$-1\r\n\$1\r\nx\r\n", 'a channel that is nil'],
    ["*1\r\n\$7\r\nmessage\r\n", 'too short'],
    ["*4\r\n" . "\$7\r\nmessage\r\n" x 4, 'too long'],
    ["*0\r\n", 'nothing'],
    ["$confirm$confirm", 'a confirmation too many'],
    ["-ERR no such thing\r\n", 'an error'],
    ["!\r\n", 'no message at all'],
);

for (@messages) {
    my ($text, $name) = @$_;
    my $lost = $talk->metric('rtprop_redis_lost_total');

    evil(subscribe => $text);
    $talk->subscribe('c');
    ok($talk->wait_for(sub {
        return $talk->metric('rtprop_redis_lost_total') > $lost;
    }), "$name: the connection is closed");
    $talk->unsubscribe('c');
    evil();
    ok($talk->wait_status(qr/^ok$/), "$name: it connects again");
}

$talk->forget;
evil(subscribe => $confirm
     . "*3\r\n\$7\r\nmessage\r\n\$1\r\nz\r\n\$1\r\nx\r\n"
     . "*3\r\n\$7\r\nmessage\r\n\$1\r\nc\r\n\$-1\r\n"
     . "*3\r\n\$7\r\nmessage\r\n\$1\r\nc\r\n*0\r\n+PONG\r\n:4\r\n"
     . "*3\r\n\$7\r\nmessage\r\n\$1\r\nc\r\n\$1\r\ny\r\n");
$talk->subscribe('c');
ok($talk->wait_note(qr/^message c y$/m), 'odd messages are passed over');
unlike($talk->notes, qr/^message (?!c y)/m, 'and not told');

is(($talk->nginx->workers)[0], $worker, 'the worker is the same one');
cmp_ok($talk->metric('rtprop_redis_malformed_total'), '>', 20, 'counted');

is_deeply([$talk->stop(qr/is away: /, qr/refuses commands: /)], [],
          'nothing unexpected in the log');

done_testing();
