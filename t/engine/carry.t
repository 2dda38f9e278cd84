#!/usr/bin/perl

# Carried events: the engine follows an authority that has counted them.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;

use Ops;

use constant { OK => 0, DECLINED => -5 };

my $ops = Ops->start(workers => 2);
my $res;

sub carry {
    my $r = $ops->call(0, carry => type => 'x', payload => '1', @_);
    return "$r->{rc} $r->{failed} $r->{position}";
}

sub kept {
    my ($channel) = @_;
    my $r = $ops->call(1, history => channel => $channel, limit => 20);
    return join ' ', "$r->{epoch}/$r->{offset}:",
           map { /^event \S+ \S+ (\d+) \d+ (\d+)/ ? $2 ? "$1($2)" : $1 : () }
           @{$r->{lines}};
}

sub heard {
    my (@offsets) = @_;
    my @got;
    $ops->wait_for(sub {
        push @got, map { /^event (\S+) \S+ (\d+)/ ? "$1/$2" : () }
                   @{$ops->call(1, 'seen')->{lines}};
        return @got >= @offsets;
    });
    return join ' ', @got;
}

$ops->listen(qw(c o n f new own q p));


# ---- in step

is(carry(channel => 'c', epoch => 'e1', offset => 5, n => 2), '0 0 0',
   'a channel that does not exist takes epoch and offset');
is(kept('c'), 'e1/6: 5 6', 'and keeps what it got');
is(heard('c/5', 'c/6'), 'c/5 c/6', 'which is delivered');

is(carry(channel => 'c', epoch => 'e1', offset => 5, n => 3), '0 0 0',
   'what was there is skipped');
is(heard('c/7'), 'c/7', 'what was not is delivered');

is(carry(channel => 'c', epoch => 'e1', offset => 10), DECLINED . ' 0 7',
   'a gap is refused, with the place of the channel');
is(carry(channel => 'o', epoch => 'e1', offset => 1, n => 2, other => 'c'),
   '0 0 0', 'several channels at once');
is(heard('o/1', 'o/2'), 'o/1 o/2', 'of which one had its event');

is($ops->call(0, carry => type => 'x', payload => '1', channel => 'c',
              epoch => 'e1', offset => 8, n => 1, other => 'n')->{rc}, OK,
   'a channel begins with its first event');
is(heard('c/8', 'n/1'), 'c/8 n/1', 'both are delivered');

is(carry(channel => 'c', epoch => 'e1', offset => 8, n => 4), '0 0 0',
   'one after the other');
is(heard(9 .. 11), 'c/9 c/10 c/11', 'delivered in order');


# ---- all or none

$ops->call(0, carry => type => 'x', payload => '1', channel => 'f',
           epoch => 'e1', offset => 3);
is(heard('f/3'), 'f/3', 'a channel at 3');
is(carry(channel => 'f', epoch => 'e1', offset => 4, n => 2,
         other => 'new'), '0 0 0', 'goes on to 5');
is(heard('f/4', 'f/5', 'new/1'), 'f/4 f/5 new/1', 'with another one');
is(carry(channel => 'f', epoch => 'e1', offset => 7, n => 2,
         other => 'never'), DECLINED . ' 0 5', 'a gap in the first');
is($ops->call(1, history => channel => 'never')->{offset}, 0,
   'has done nothing to the second');
is(kept('f'), 'e1/5: 3 4 5', 'nor to the first');


# ---- another epoch

$ops->call(0, publish => channel => 'c', type => 'own', payload => '1',
           flags => 1);
is(heard('c/0'), 'c/0', 'a volatile event goes out as ever');
is(carry(channel => 'c', epoch => 'e2', offset => 3, n => 2), '0 0 0',
   'another epoch');
is(kept('c'), 'e2/4: 3 4', 'takes the place of the old one');
is(heard('c/3', 'c/4'), 'c/3 c/4', 'and is delivered');

$ops->call(0, publish => channel => 'own', type => 'x', payload => '1',
           n => 200);
is(scalar(split / /, heard(1 .. 200)), 200, 'a channel of our own');
is(carry(channel => 'own', epoch => 'e2', offset => 1), '0 0 0',
   'is taken over');
is(kept('own'), 'e2/1: 1', 'with nothing left of what it had');
is(heard('own/1'), 'own/1', 'and goes on');


# ---- quiet ones and positions

is(carry(channel => 'q', epoch => 'e1', offset => 2, n => 3,
         flags => 0x20 | 8), '0 0 0', 'kept');
is(kept('q'), 'e1/4: 2(8) 3(8) 4(8)', 'with their other flags');
is(carry(channel => 'q', epoch => 'e1', offset => 5), '0 0 0', 'then one');
is(heard('q/5'), 'q/5', 'that is delivered as the first');
is(carry(channel => 'q', epoch => 'e1', offset => 4, n => 3, flags => 0x20),
   '0 0 0', 'quiet ones behind it');
is(heard('q/6'), 'q/6', 'are not: the channel has listeners who lack them');

is(carry(channel => 'p', epoch => 'e1', offset => 9, flags => 0x10),
   '0 0 0', 'a position');
is(kept('p'), 'e1/9:', 'is no event');
is(carry(channel => 'p', epoch => 'e1', offset => 12, flags => 0x10),
   '0 0 0', 'another one');
is(kept('p'), 'e1/9:', 'does not move the channel');
is(carry(channel => 'p', epoch => 'e1', offset => 10), '0 0 0', 'an event');
is(heard('p/10'), 'p/10', 'does');
is(carry(channel => 'p', epoch => 'e3', offset => 0, flags => 0x10),
   '0 0 0', 'a position in another epoch');
is(kept('p'), 'e3/0:', 'takes it');

$res = $ops->call(1, history => channel => 'p', epoch => 'e3', limit => 1);
is($res->{recovered}, 1, 'it can be resumed from');


# ---- documents that count by more than one

$res = $ops->call(0, put => key => 'd', value => 'x', step => 3);
is("$res->{rc} $res->{version}", '0 3', 'made by three steps');
$res = $ops->call(1, put => key => 'd', value => 'y', version => 3,
                  step => 2);
is("$res->{rc} $res->{version}", '0 5', 'and changed by two');

ok($ops->whole(0), 'the zone is whole');
is_deeply([$ops->stop], [], 'nothing else in the log');

done_testing();
