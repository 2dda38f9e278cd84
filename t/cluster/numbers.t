#!/usr/bin/perl

# Ids of several instances: each has a number of its own, from a register in
# Redis, over restarts, clocks that are behind, and the loss of the register.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Redis;
use RTProp::Test;

use constant { REGISTER => 'rtprop:{$workers}:n', NUMBERS => 128,
               UNSURE => 0x80, CHANCE => 0x100, HOUR => 3600 * 64000 };

my $redis = RTProp::Redis->new->start;
my $location = 'rtprop_rate message off; rtprop_rate other off;';
my $people = 0;


sub instance {
    return rtprop_nginx(redis => $redis, reuseport => 1, workers => 2,
                        location => $location, @_);
}


# What the register has: by number, [machine, till, last, after, sure].

sub register {
    my %r = @{$redis->call(HGETALL => REGISTER)};
    return map { /^\d+$/ ? ($_ => [split ' ', $r{$_}]) : () } keys %r;
}


# Who is not there holds a number, for an hour or since an hour.

sub plant {
    my ($hours, $last, @numbers) = @_;
    my $till = (time + $hours * 3600) * 1000;

    $redis->call(HSET => REGISTER, $_, "somebody. $till $last 0 1")
        for @numbers;
}


# The register is trusted, or not, from now on.

sub trusted { $redis->call(HSET => REGISTER, since => 1) }
sub fresh   { $redis->call(HSET => REGISTER, since => (time + 3600) * 1000) }


# Somebody in each worker, who speaks.

sub people {
    my ($nginx) = @_;

    return map {
        my $ws = client(nginx => $nginx, user => 'p' . ++$people,
                        worker => $_, claims => { conversations => ['c'] });
        joins($ws, 'c');
        $ws;
    } $nginx->workers;
}


# The id of what is said: its time, slot, mark and number.

my $text = 0;

sub id {
    my ($ws) = @_;
    my $id = says($ws, 'c', 'text ' . ++$text)->{payload}{id};

    return { time => $id >> 16, slot => $id >> 9 & 0x7f,
             mark => $id & (CHANCE | UNSURE), number => $id & 0x7f };
}


# Speaks until all have ids of this kind; their numbers.

sub numbers {
    my ($mark, @people) = @_;
    my @ids;

    $redis->wait_until(sub {
        @ids = map { id($_) } @people;
        return !grep { $_->{mark} != $mark } @ids;
    });
    diag("mark $_->{mark}, not $mark") for grep { $_->{mark} != $mark } @ids;

    my %slots = map { $_->{slot} => 1 } @ids;
    is(scalar keys %slots, @people, 'each worker has its slot');

    my %numbers = map { $_->{number} => 1 } @ids;

    return keys %numbers;
}


# ---- the first one: nobody knows whether there are others

my $a = instance();
conversation('c', 'ann');

my @at_a = people($a);
my ($number, @more) = numbers(UNSURE, @at_a);
is_deeply(\@more, [], 'workers of one instance have one number');

my %entries = register();
is_deeply([keys %entries], [$number], 'which the register knows');
is($entries{$number}[4], 0, 'and that it is not sure');

trusted();
is_deeply([numbers(0, @at_a)], [$number], 'later it is sure');


# ---- another one, and a reload

my $b = instance();
my @at_b = people($b);
my ($other) = numbers(0, @at_b);
isnt($other, $number, 'another instance has another number, at once');

$a->reload;
@at_a = people($a);
is_deeply([numbers(0, @at_a)], [$number], 'a reload keeps it');
%entries = register();
is(scalar keys %entries, 2, 'there are two');


# ---- the register is lost

$redis->call('FLUSHALL');
ok($redis->wait_until(sub {
    %entries = register();
    return keys %entries == 2;
}), 'a register that is lost is made again');
is_deeply([sort keys %entries], [sort $number, $other], 'by those who know');
is_deeply([map { $_->[4] } values %entries], [1, 1], 'and are sure');

fresh();
my $c = instance(workers => 1);
conversation('c', 'ann');
my ($at_c) = people($c);
my ($third) = numbers(UNSURE, $at_c);
ok(!$entries{$third}, 'who comes then has one that nobody has');

@at_a = people($a);
@at_b = people($b);
is_deeply([numbers(0, @at_a)], [$number], 'ids of the others');
is_deeply([numbers(0, @at_b)], [$other], 'are what they were');


# ---- a number that is another's

trusted();
plant(1, 0, $number);
ok($a->wait_until(sub { id($at_a[0])->{number} != $number }),
   'who finds its number taken has another one');


# ---- one is left: it was somebody's, whose clock was ahead

%entries = register();
my ($left) = grep { !$entries{$_} } 0 .. NUMBERS - 1;
my $ahead = id($at_a[0])->{time} + HOUR;
plant(1, 0, grep { !$entries{$_} && $_ != $left } 0 .. NUMBERS - 1);
plant(-1, $ahead, $left);

my $d = instance(workers => 1);
my ($at_d) = people($d);
is_deeply([numbers(0, $at_d)], [$left], 'the last number');
my $last = id($at_d);
cmp_ok($last->{time}, '>', $ahead + 10 * 64000, 'with ids of its own');

# the dead one's place is cleaned by the next, and then the one after it has it

my $next;

for (1 .. 10) {
    $d->kill_worker;
    ($at_d) = people($d);
    $next = id($at_d);
    last if $next->{slot} == $last->{slot};
}

is($next->{slot}, $last->{slot}, 'a worker in the place of one that died');
cmp_ok($next->{time}, '>', $last->{time}, 'has ids after those');


# ---- none is left

my $e = instance(workers => 1, allow => [qr/all 128 numbers of instances/]);
my ($at_e) = people($e);
ok(id($at_e)->{mark} & CHANCE, 'no number is left: ids by chance');
ok($e->wait_log(qr/all 128 numbers of instances are taken/), 'said so');
like(http(nginx => $e)->get('/metrics')->{body},
     qr/^rtprop_engine_unnumbered_total [1-9]/m, 'and counted');

%entries = register();
my ($free) = grep { $entries{$_}[0] eq 'somebody.' } keys %entries;
$redis->call(HDEL => REGISTER, $free);
is_deeply([numbers(0, $at_e)], [$free], 'till one is');

done_testing();
