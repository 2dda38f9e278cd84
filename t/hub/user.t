#!/usr/bin/perl

# The channel of a user costs nothing until there is something in it, and is
# there all the same.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Test;

my $nginx = rtprop_nginx(workers => 2, reuseport => 1,
                         location => 'rtprop_user_connections 100;');
my ($one, $two) = $nginx->workers;

sub metric {
    my ($name) = @_;
    my ($value) = http()->get('/metrics')->{body} =~ /^\Q$name\E (\d+)/m;
    return $value;
}

sub notify {
    my ($user, $n) = @_;
    is(api(POST => '/api/publish', { channel => "user:$user",
           type => 'notification', payload => { n => $n } })->{status}, 200,
       "notification $n for $user");
}

sub heard {
    my ($client) = @_;
    my $event = $client->wait_for('notification');
    return "$event->{offset} $event->{payload}{n}";
}

sub channel {
    my ($user) = @_;
    return api(GET => "/api/channels/user:$user")->{json};
}

sub place { $_[0]{welcome}{payload}{channels}{$_[1]} }


# the zone: a user and a session each, no channel

my $before = metric('rtprop_zone_used_bytes');
my @idle = map { client(user => "idle$_", worker => $_ % 2 ? $one : $two) }
           1 .. 40;
my $used = metric('rtprop_zone_used_bytes') - $before;
cmp_ok($used, '<=', 40 * 176 + 4096, 'octets of the zone for idle sessions');
is(metric('rtprop_engine_channels'), 0, 'and no channel') if !$nginx->engine;
is_deeply(channel('idle1'), { channel => 'user:idle1', subscribers => 1,
          offset => 0, epoch => place($idle[0], 'user:idle1')->{epoch} },
          'which the API shows all the same');
is(api(GET => '/api/channels/user:nobody')->{status}, 404, 'but not of nobody');
$_->drop for @idle;


# one that is there before the first event, one that comes after it

my $first = client(user => 'ann', worker => $one);
my $other = client(user => 'bob', worker => $one);
my $far = client(user => 'ann', worker => $two);
notify('ann', 1);
is(heard($first), '1 1', 'the first event');
is(heard($far), '1 1', 'in the other worker, too');

my $late = client(user => 'ann', worker => $one);
is(place($late, 'user:ann')->{offset}, 1, 'who comes later stands after it');
notify('ann', 2);
is(heard($_), '2 2', 'the second') for $first, $far, $late;
quiet_ok($_, 'and nothing else') for $first, $far, $late, $other;
is(channel('ann')->{subscribers}, 3, 'its subscribers are the connections');


# places differ: each hears what it has not had

my $back = client(user => 'bob', worker => $one);
notify('bob', 1);
is(heard($_), '1 1', 'both') for $other, $back;
$_->drop for $other, $back;
notify('bob', 2);
$back = client(user => 'bob', worker => $one);
my $epoch = place($back, 'user:bob')->{epoch};
my $answer = asks($back, 'resume', { channels => {
                  'user:bob' => { epoch => $epoch, offset => 1 } } });
is($answer->{payload}{channels}{'user:bob'}{missed}, 1, 'resumed, idle');
is(heard($back), '2 2', 'what was missed');
notify('bob', 3);
is(heard($back), '3 3', 'what comes then');
quiet_ok($back, 'and nothing twice');


# kicked while idle

my $cleo = client(user => 'cleo', worker => $two);
is(api(DELETE => '/api/users/cleo/connections')->{json}{closed}, 1, 'kicked');
is(($cleo->wait_close)[0], 1008, 'an idle one closes');

$cleo = client(user => 'cleo', worker => $two);
notify('cleo', 1);
is(heard($cleo), '1 1', 'and it may come back');


done_testing();
