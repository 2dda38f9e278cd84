#!/usr/bin/perl

# Random operations on all workers at once, workers killed at any point of them:
# whatever dies, the zone is whole, nothing is locked, the order is one.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Time::HiRes qw(time);

use Ops;

use constant KILLS => 40;

my $ops = Ops->start(zone => '4m', history => 200);

sub storm {
    my ($ms) = @_;
    $ops->call($_, storm => ms => $ms) for 0 .. $ops->count - 1;
}

sub calm {
    return $ops->wait_for(sub {
        !grep { $ops->call($_, 'seen')->{storm} } 0 .. $ops->count - 1;
    });
}

sub whole {
    my ($name) = @_;

    # the zone is whole at each moment, the dead one's things once it is reaped
    my $body;
    my $ok = $ops->wait_for(sub {
        $body = $ops->call(0, 'check')->{body};
        return $body =~ /^ok /m;
    }, 4);

    ok($ok, $name) or diag $body;
}

my ($broken, $lost) = (0, 0);

sub seen {
    my @notes;

    for my $w (0 .. $ops->count - 1) {
        my $res = $ops->call($w, 'seen');
        $broken += $res->{broken};
        push @notes, @{$res->{lines}}[1 .. $#{$res->{lines}}];
    }

    return @notes;
}


# ---- no deaths

storm(1500);
ok(calm(), 'a storm of 4 workers');
whole('leaves the zone whole');
my @notes = seen();
is("$broken @notes", '0 ', 'and all events in order, whole');


# ---- deaths at random points

my ($bad, $inside, $deaths) = (0, 0, 0);

while ($deaths < KILLS || ($inside < 3 && $deaths < 5 * KILLS)) {
    $deaths++;
    storm(3000);
    $ops->die(int rand $ops->count, 'storm', ms => 3000,
              die => 1 + int rand 1000);

    for my $w (0 .. $ops->count - 1) {
        my $res = $ops->call($w, 'seen');
        my @why = grep { /^(?:torn|order)/ } @{$res->{lines}};
        diag "worker $w: @why" if @why;
        $bad += @why;
    }

    $inside = () = $ops->nginx->log =~ /died inside of the zone/g;

    my $body = $ops->call(0, 'check')->{body};
    if ($body =~ /^wrong: (?!sessions|n == 0|subs|leases)/m) {
        $bad++;
        diag $body;
    }
}

is($bad, 0, 'each time zone and order are whole');

storm(1);
ok(calm(), 'nothing is locked');
whole('the zone is whole in the end');

cmp_ok($inside, '>', 2, 'some died inside of a transaction');
note "$inside of $deaths";


# ---- deaths of all

for (1 .. 3) {
    storm(2000);
    my @pids = map { $ops->pid($_) } 0 .. 3;
    $ops->nginx->{killed}{$_} = 1 for @pids;
    kill KILL => @pids;
    $ops->wait_for(sub {
        my %old = map { $_ => 1 } @pids;
        4 == grep { !$old{$_} } $ops->nginx->workers;
    });
    $ops->meet;
    whole('whole after all died at once');
}


# ---- reloads in a storm

for (1 .. 3) {
    storm(300);
    $ops->nginx->reload;
    $ops->meet;
}

storm(500);
ok(calm(), 'a storm over reloads');
ok($ops->nginx->wait_drained, 'old workers end');
whole('leaves the zone whole');


# ---- a worker too slow for the ring

calm();
my @lost = map { $ops->call($_, 'seen')->{lost} } 0 .. 3;
my $http = $ops->{met}[1]{http};
syswrite $http->{socket}, "GET /stall?ms=1500 HTTP/1.1\r\nHost: h\r\n\r\n";
for (1 .. 20) {
    $ops->call(0, publish => channel => 'o', type => 'x', size => 3000,
               n => 10);
    $ops->call(2, 'seen');
}
$http->read_answer('GET', time + 10);
ok($ops->wait_for(sub { $ops->call(1, 'seen')->{lost} > $lost[1] }),
   'is told that it may have lost something');
is($ops->call(2, 'seen')->{lost}, $lost[2], 'others are not');

$ops->nginx->allow(qr/was locked by/);
is_deeply([$ops->stop], [], 'nothing else in the log');

done_testing();
