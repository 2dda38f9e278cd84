#!/usr/bin/perl

# The master is killed while a worker that holds the zone's lock is stopped: the
# others wait, and go on when it is dead, though nobody unlocks for it.

use strict;
use warnings;

use Test::More;

use lib 't/lib', 't/engine';
use Ops;
use RTProp::Nginx;

my $ops = Ops->start(workers => 2);
my $nginx = $ops->nginx;
my ($holder, $other) = map { $ops->pid($_) } 0, 1;
my $master = $nginx->master_pid;

END { kill KILL => grep { $_ } $holder, $other }


# Sends a request without awaiting its answer.

sub ask {
    my ($worker, $path) = @_;
    my $http = $ops->{met}[$worker]{http};

    syswrite $http->{socket}, "GET $path HTTP/1.1\r\nHost: h\r\n\r\n";

    return $http;
}


# Its state, and the time it has run, in hundredths of a second.

sub state_of {
    my ($pid) = @_;
    my $stat = RTProp::Nginx::slurp("/proc/$pid/stat") =~ s/^.*\) //r;
    my @fields = split ' ', $stat;

    return ($fields[0] // '', ($fields[11] // 0) + ($fields[12] // 0));
}

$ops->call(0, publish => channel => 'c', type => 'x', payload => '1');

ask(0, '/hold');
ok($nginx->wait_until(sub { (state_of($holder))[0] eq 'T' }),
   'a worker is stopped in the zone');

my (undef, $before) = state_of($other);
my $http = ask(1, '/publish?channel=c&type=x&payload=2');

# it spins, and does not sleep until somebody wakes it
ok($nginx->wait_until(sub { (state_of($other))[1] >= $before + 150 }, 60),
   'another one waits for it');

kill KILL => $master;
ok($nginx->wait_until(sub { !$nginx->alive }), 'the master is gone');

kill KILL => $holder;
my $answer = $http->read_answer('GET', time + 30);
is($answer->{status}, 200, 'the other one goes on');
like($answer->{body}, qr/offset=2\b/, 'where it was');
like($ops->call(1, 'check')->{body}, qr/^(?:ok |wrong: (?:subs|leases|sess))/m,
     'the zone is whole');

done_testing();
