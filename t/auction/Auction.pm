package Auction;

# What the tests of auctions share:
#
#   use lib 't/lib', 't/auction';
#   use Auction;
#
#   auction(a1 => ends_in => 3000);     # PUT auctions/a1, its answer
#   my $ann = joined(ann => 'a1');      # its answer is in {state}
#   my ($said) = bid($ann, a1 => 1100); # payload of bid_accepted or _rejected

use strict;
use warnings;

use Exporter qw(import);
use Time::HiRes qw(time);

use RTProp::Test;

our @EXPORT = qw(auction act now_ms iso joined bid worker_of spread codes);

my $count = 0;


sub now_ms { return int time * 1000 }


# RFC 3339 to milliseconds, and to a text that can be compared.

sub iso {
    my ($ms) = @_;
    my @t = gmtime int $ms / 1000;

    return sprintf '%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', $t[5] + 1900,
                   $t[4] + 1, @t[3, 2, 1, 0], $ms % 1000;
}


# Starts at 1000 in steps of 100, an hour long, unless told; starts_in and
# ends_in are milliseconds from now.

sub auction {
    my ($id, %terms) = @_;
    my $now = now_ms();
    my %headers = %{delete $terms{headers} || {}};

    my $in = delete $terms{ends_in} // 3_600_000;
    $terms{ends_at} //= $now + $in;

    $in = delete $terms{starts_in};
    $terms{starts_at} //= $now + $in if defined $in;

    return api(PUT => "/api/auctions/$id",
               { starting_price => 1000, bid_increment => 100,
                 property_id => "p-$id", property_title => "House $id",
                 %terms }, %headers);
}


sub act {
    my ($id, $action, $body, %headers) = @_;

    return api(POST => "/api/auctions/$id/$action", $body // {}, %headers);
}


sub joined {
    my ($user, $id, %opt) = @_;
    my $ws = client(user => $user, %opt);

    $ws->send_json('auction:join', { auction_id => $id }, ++$count);
    $ws->{state} = $ws->wait_for('auction:state');

    return $ws;
}


# The answer to a bid: its payload, its type.

sub bid {
    my ($ws, $id, $amount, %more) = @_;
    my $n = ++$count;

    $ws->send_json('auction:bid', { auction_id => $id, amount => $amount,
                                    %more }, $n);
    my $answer = $ws->wait_for(qr/^(auction:bid_|error)/,
                               sub { ($_[0]{id} // '') eq $n });

    return $answer ? ($answer->{payload}, $answer->{type}) : ({}, 'nothing');
}


# The code of what a bid was answered, "accepted" for one that was.

sub codes {
    my ($said, $type) = bid(@_);

    return $type eq 'auction:bid_accepted' ? 'accepted'
           : $type eq 'auction:bid_rejected' ? $said->{code}
           : "$type $said->{code}";
}


# The pid of the worker that holds a connection.

sub worker_of {
    my ($nginx, $ws) = @_;
    my $ports = sprintf ' 0100007F:%04X 0100007F:%04X ', $nginx->port,
                        $ws->socket->sockport;
    my $inode;

    open my $tcp, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!";

    while (my $line = <$tcp>) {
        $inode = (split ' ', $line)[9] if index($line, $ports) >= 0;
    }

    close $tcp;

    for my $pid ($nginx->workers, $nginx->draining) {
        for my $fd (glob "/proc/$pid/fd/*") {
            return $pid if (readlink $fd // '') eq "socket:[$inode]";
        }
    }

    return;
}


# Joined clients of one user each, in different workers; surplus ones close.

sub spread {
    my ($nginx, $id, @users) = @_;
    my (%taken, @clients);

    for my $user (@users) {
        my ($free) = grep { !$taken{$_} } $nginx->workers;

        $taken{$free} = 1;
        push @clients, joined($user, $id, worker => $free);
    }

    return @clients;
}


1;
