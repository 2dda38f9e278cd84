#!/usr/bin/perl

# resume: what was missed comes in order and once; what is lost is said.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Test;

my $rates = 'rtprop_rate message off; rtprop_rate other off;
             rtprop_errors 1000/1m;';
my $nginx = rtprop_nginx(reuseport => 1, location => $rates);
my @workers = $nginx->workers;

conversation('c1', 'ann', 'ben', 'cleo');
conversation('c2', 'ann', 'ben');

my $ann = client(user => 'ann', worker => $workers[0]);
joins($ann, 'c1');
joins($ann, 'c2');


# Connects ben, resumes, and gives the answer's channels; the events that came
# before it are then in the buffer.

my $ben;

sub resume {
    my (%channels) = @_;

    $ben->close if $ben;
    $ben = client(user => 'ben', worker => $workers[1]);

    return again(%channels);
}

sub again {
    my (%channels) = @_;
    my $answer = asks($ben, 'resume', { channels => \%channels });

    return $answer ? $answer->{payload}{channels} : {};
}

sub contents {
    return [map { $_->{payload}{content} }
            grep { $_->{type} eq 'chat:new_message' } $_[0]->events];
}


# what was missed

$ben = client(user => 'ben', worker => $workers[1]);
my $joined = joins($ben, 'c1');
my $epoch = $joined->{epoch};
my @seen = map { says($ann, 'c1', "m$_"); gets($ben, "m$_") } 1 .. 3;
$ben->drop;
my @missed = map { says($ann, 'c1', "m$_") } 4 .. 8;

my %c1 = ('conversation:c1' => { epoch => $epoch, offset => 3 });
my $got = resume(%c1);
is_deeply($got, { 'conversation:c1' => { recovered => true, missed => 5,
          epoch => $epoch, offset => 8 } }, 'resumed');
is_deeply([grep { $_->{type} eq 'chat:new_message' } $ben->events], \@missed,
          'what was missed, as it would have come live');
ok($ann->wait_for('chat:user_joined', sub { $_[0]{payload}{user_id} eq 'ben' }),
   'the others hear that he is back');

$ben->clear;
is(says($ben, 'c1', 'm9')->{offset}, 9, 'and it goes on live');
gets($ann, 'm9');
$ben->wait_for('chat:delivered');

$got = again(%c1);
is_deeply($got->{'conversation:c1'}, { recovered => true, missed => 0,
          epoch => $epoch, offset => 9 }, 'resuming what is joined');
quiet_ok($ben, 'brings nothing twice');

$got = resume('conversation:c1' => { epoch => $epoch, offset => 9 });
is_deeply($got->{'conversation:c1'}, { recovered => true, missed => 0,
          epoch => $epoch, offset => 9 }, 'nothing was missed');
is_deeply(contents($ben), [], 'nothing comes');

# all reliable events count, not only messages
asks($ann, 'chat:mark_read', { conversation_id => 'c1',
                               message_id => $missed[0]{payload}{id} });
$got = resume('conversation:c1' => { epoch => $epoch, offset => 9 });
is($got->{'conversation:c1'}{missed}, 1, 'a read mark is an event, too');
ok($ben->wait_for('chat:messages_read'), 'and comes');


# what is lost

for (['another epoch', { epoch => '0123456789abcdef', offset => 3 }],
     ['no epoch', { epoch => 'x', offset => 3 }],
     ['a place of the future', { epoch => $epoch, offset => 4000 }])
{
    my ($name, $place) = @$_;

    $got = resume('conversation:c1' => $place);
    is_deeply($got->{'conversation:c1'}, { recovered => false, missed => undef,
              epoch => $epoch, offset => 10 }, "$name: not recovered");

    my @events = grep { $_->{type} =~ /^chat:(joined|new)/ } $ben->events;
    is($events[0]{type}, 'chat:joined', 'chat:joined comes instead');
    is($events[0]{channel}, 'conversation:c1', 'with its channel');
    is($events[0]{epoch}, $epoch, 'epoch');
    is($events[0]{offset}, 10, 'and offset');
    is($events[0]{payload}{participant_count}, 3, 'and what belongs to it');
    ok(!exists $events[0]{id}, 'it is not the answer');
    is_deeply(contents($ben), [map { "m$_" } 1 .. 9],
              'and the last messages');
}

says($ann, 'c1', "n$_") for 1 .. 60;
resume('conversation:c1' => { epoch => 'x', offset => 0 });
is_deeply(contents($ben), [map { "n$_" } 11 .. 60], '50 of them');
$got = resume('conversation:c1' => { epoch => $epoch, offset => 0 });
is($got->{'conversation:c1'}{missed}, 70, 'what can be recovered is, all');


# several channels, some refused

says($ann, 'c2', 'in c2');
$got = resume(
    'conversation:c1' => { epoch => $epoch, offset => 69 },
    'conversation:c2' => { epoch => 'x', offset => 0 },
    'conversation:c9' => { epoch => $epoch, offset => 0 },
    'conversation:' => { epoch => $epoch, offset => 0 },
    'nothing:x' => { epoch => $epoch, offset => 0 },
    'user:ann' => { epoch => $epoch, offset => 0 },
    'all' => { epoch => $epoch, offset => 0 },
    '' => { epoch => $epoch, offset => 0 },
    'conversation:bad' => { epoch => 5, offset => 0 },
    'conversation:bad2' => 7,
    'conversation:bad3' => { epoch => $epoch, offset => -1 },
);
is($got->{'conversation:c1'}{recovered}, true, 'one is recovered');
is($got->{'conversation:c2'}{recovered}, false, 'one is not');
is_deeply({ map { $_ => $got->{$_}{code} } grep { $got->{$_}{code} }
            keys %$got },
          { 'conversation:c9' => 'not_found', 'conversation:' => 'not_found',
            'nothing:x' => 'not_found', 'user:ann' => 'not_authorized',
            'all' => 'not_found', '' => 'not_found',
            'conversation:bad' => 'invalid_payload',
            'conversation:bad2' => 'invalid_payload',
            'conversation:bad3' => 'invalid_payload' },
          'the others are refused, each with its code');
is($got->{'conversation:c9'}{recovered}, false, 'a refused one has not been');
is_deeply(contents($ben), ['n60', 'in c2'], 'and both bring their messages');

my %many = map { ("conversation:x$_" => { epoch => 'x', offset => 0 }) }
           1 .. 100;
is(keys %{resume(%many)}, 100, 'a hundred channels at once');
$many{'conversation:y'} = { epoch => 'x', offset => 0 };
is(error_is($ben, 'resume', { channels => \%many }, 'invalid_payload',
            'a hundred and one')->{field}, 'channels', 'the field');
is(error_is($ben, 'resume', { channels => [] }, 'invalid_payload', 'an array')
   ->{field}, 'channels', 'the field');

my $eve = client(user => 'eve');
my $answer = asks($eve, 'resume', { channels => { %c1 } });
is($answer->{payload}{channels}{'conversation:c1'}{code}, 'not_authorized',
   'a stranger');
$eve->fence;
is_deeply([$eve->events], [], 'gets nothing');

my $new = client(user => 'new', claims => { conversations => ['c7'] });
$answer = asks($new, 'resume',
               { channels => { 'conversation:c7' => { epoch => 'x',
                                                      offset => 0 } } });
is($answer->{payload}{channels}{'conversation:c7'}{recovered}, false,
   'who is let in by the token may resume, too');


# the user's own channel

my $welcome = $ben->{welcome}{payload};
my $place = $welcome->{channels}{'user:ben'};
like($place->{epoch}, qr/^[0-9a-f]{16}$/, 'welcome tells where it stands');
is($welcome->{resume}, true, 'and that one can resume');

sub notify {
    my ($n) = @_;
    my $res = api(POST => '/api/publish', { channel => 'user:ben',
                  type => 'notification', payload => { n => $n } });
    diag $res->{body} if $res->{status} != 200;
}

my $ben2 = client(user => 'ben', worker => $workers[2]);
notify(1);
is($ben->wait_for('notification')->{offset}, $place->{offset} + 1,
   'all connections of the user hear it');
ok($ben2->wait_for('notification'), 'this one, too');
$_->drop for $ben, $ben2;
notify($_) for 2 .. 4;

undef $ben;
$got = resume('user:ben' => { epoch => $place->{epoch},
                              offset => $place->{offset} + 1 });
is_deeply($got->{'user:ben'}, { recovered => true, missed => 3,
          epoch => $place->{epoch}, offset => $place->{offset} + 4 },
          'what was missed of it');
is_deeply([map { $_->{payload}{n} } grep { $_->{type} eq 'notification' }
           $ben->events], [2, 3, 4], 'comes in order');
$ben->clear;
notify(5);
is($ben->wait_for('notification')->{payload}{n}, 5, 'and it goes on');
$got = again('user:ben' => { epoch => $place->{epoch},
                             offset => $place->{offset} });
is($got->{'user:ben'}{missed}, 0, 'resumed twice');
quiet_ok($ben, 'it brings nothing twice');
$got = resume('user:ben' => { epoch => 'x', offset => 0 });
is_deeply([@{$got->{'user:ben'}}{qw(recovered missed)}], [false, undef],
          'an unknown epoch: not recovered');
$ben->fence;
is_deeply([grep { $_->{type} eq 'notification' } $ben->events], [],
          'and nothing to show instead');


done_testing();
