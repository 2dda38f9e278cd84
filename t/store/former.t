#!/usr/bin/perl

# A process of PostgreSQL hangs with what it was sent: the worker gives it up
# and asks for the same by another connection, and the former one does nothing
# more when it goes on.

use strict;
use warnings;

use POSIX ();
use Time::HiRes qw(time);

use lib 't/lib';
use RTProp::Chat;
use RTProp::Durable;
use RTProp::Test;

my $pg = RTProp::Durable->serve;
my $database = 'former';
$pg->sql("CREATE DATABASE $database TEMPLATE rtprop_template");

my $nginx = rtprop_nginx(
    workers => 1, allow => [qr/no answer within the time limit/],
    prefix => 'rtprop_postgres "' . $pg->conninfo(dbname => $database)
              . qq{" timeout=3s;\n},
    location => 'rtprop_rate message off;');

sub healthy {
    return $nginx->wait_until(sub {
        http()->get('/health')->{json}{status} eq 'ok'
    }, 30);
}

sub publish {
    my ($name) = @_;
    my $http = http(bearer => RTProp::Test::API_KEY);

    return $http->post('/api/publish', { type => 'chat:note',
        channel => 'conversation:c1', payload => { name => $name } })->{status};
}

# The same in a process of its own; a handle that gives the status.

sub begin {
    my ($name) = @_;
    my $pid = open(my $fh, '-|') // die "fork: $!";

    return $fh if $pid;

    syswrite STDOUT, publish($name);
    POSIX::_exit(0);
}

healthy();
conversation('c1', qw(ann ben));
my $ann = client(user => 'ann');
joins($ann, 'c1');

sub heard { $ann->wait_for('chat:note')->{payload}{name} }

is(publish('one'), 200, 'something is published');
is(heard(), 'one', 'and heard');

my @former = split /\n/, $pg->sql("SELECT pid FROM pg_stat_activity"
                                  . " WHERE datname = '$database'");
kill STOP => @former;

my $begun = time;
my $two = begin('two');
$nginx->wait_until(sub { time > $begun + 2 });
my $three = begin('three');

is(<$two>, 503, 'what waited for too long is not acknowledged');
is(<$three>, 200, 'the next is asked for by another connection, and is');
is(heard(), 'three', 'and heard');

kill CONT => @former;
ok($nginx->wait_until(sub { grep { !-d "/proc/$_" } @former }, 20),
   'they go on, and the one that was given up ends');
ok(healthy(), 'all is well');
is($pg->sql("SELECT string_agg(payload, ' ' ORDER BY position)"
            . " FROM rtprop.event WHERE type = 'chat:note'",
            conn => { dbname => $database }),
   '{"name":"one"} {"name":"three"}', 'nothing was done twice, or too late');

is(publish('four'), 200, 'the next one');
is(heard(), 'four', 'is what is heard next');

done_testing();
